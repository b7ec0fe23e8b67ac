import type { SpanLabelType } from "@/data/types";
import type { Desk } from "./desk";

export function LabelPanel({ desk, labels }: { desk: Desk; labels: readonly SpanLabelType[] }) {
  const add = (form: FormData) => {
    const hotkey = String(form.get("hotkey"));
    const fields = { name: String(form.get("name")), color: String(form.get("color")) };
    void desk.annotations.addLabel({ ...fields, hotkey: hotkey === "" ? null : hotkey });
  };
  return (
    <details>
      <summary>Labels</summary>
      <ul className="plain">
        {labels.map((label) => (
          <li key={label.id}>
            <span className="swatch" style={{ background: label.color }} /> {label.name}
            {label.hotkey !== null && <kbd>{label.hotkey}</kbd>}
          </li>
        ))}
      </ul>
      <form action={add} className="bar">
        <label>
          New label
          <input name="name" required size={14} />
        </label>
        <label>
          Colour
          <input name="color" type="color" defaultValue="#5c6bc0" />
        </label>
        <label>
          Hotkey
          <input name="hotkey" size={1} maxLength={1} pattern="[0-9]" />
        </label>
        <button type="submit">Add label</button>
      </form>
    </details>
  );
}
