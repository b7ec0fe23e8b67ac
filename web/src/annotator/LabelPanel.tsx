import { useState, type SubmitEvent } from "react";
import type { SpanLabelType } from "@/data/types";
import type { NewLabel } from "./api";
import type { Desk } from "./desk";

/** What a browser's colour field can show; another CSS colour is text. */
const HEX_COLOR = /^#[0-9a-f]{6}$/i;

export function LabelPanel({ desk, labels }: { desk: Desk; labels: readonly SpanLabelType[] }) {
  const [open, setOpen] = useState<number | null>(null);
  const change = async (id: number, fields: NewLabel) => {
    const changed = await desk.annotations.changeLabel(id, fields);
    if (changed) setOpen(null);
    return changed;
  };
  return (
    <details>
      <summary>Labels</summary>
      <ul className="plain">
        {labels.map((label) => (
          <li key={label.id}>
            <span className="swatch" style={{ background: label.color }} /> {label.name}
            {!label.is_active && " (not in use)"}
            {label.hotkey !== null && <kbd>{label.hotkey}</kbd>}{" "}
            <button
              type="button"
              aria-label={`Change ${label.name}`}
              aria-expanded={open === label.id}
              onClick={() => setOpen(open === label.id ? null : label.id)}
            >
              Change
            </button>
            {open === label.id && <LabelForm label={label} onSave={(fields) => change(label.id, fields)} />}
          </li>
        ))}
      </ul>
      <LabelForm onSave={(fields) => desk.annotations.addLabel(fields)} />
    </details>
  );
}

interface FormProps {
  /** The label that is changed; none is a new one. */
  label?: SpanLabelType;
  onSave: (fields: NewLabel) => Promise<boolean>;
}

function LabelForm({ label, onSave }: FormProps) {
  const color = label?.color ?? "#5c6bc0";
  // An action would empty the fields, also of what is refused.
  const save = async (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    if (await onSave(fieldsOf(new FormData(form), label === undefined))) form.reset();
  };
  return (
    <form onSubmit={(event) => void save(event)} className="bar">
      <label>
        {label === undefined ? "New label" : "Name"}
        <input name="name" required size={14} defaultValue={label?.name} />
      </label>
      <label>
        Colour
        <input name="color" type={HEX_COLOR.test(color) ? "color" : "text"} defaultValue={color} size={10} />
      </label>
      <label>
        Hotkey
        <input name="hotkey" size={1} maxLength={1} pattern="[0-9]" defaultValue={label?.hotkey ?? ""} />
      </label>
      {label !== undefined && (
        <label className="choice">
          <input name="is_active" type="checkbox" defaultChecked={label.is_active} />
          In use
        </label>
      )}
      <button type="submit">{label === undefined ? "Add label" : "Save label"}</button>
      {label !== undefined && <p className="hint">Its annotations on every chart take the new name.</p>}
    </form>
  );
}

function fieldsOf(form: FormData, isNew: boolean): NewLabel {
  const hotkey = String(form.get("hotkey"));
  return {
    name: String(form.get("name")),
    color: String(form.get("color")),
    hotkey: hotkey === "" ? null : hotkey,
    is_active: isNew || form.has("is_active"),
  };
}
