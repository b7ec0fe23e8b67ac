import { KEYS } from "./keyboard";

export function HelpPanel() {
  return (
    <details>
      <summary>Keys on the chart</summary>
      <dl className="keys">
        {KEYS.map(([keys, meaning]) => (
          <div key={keys}>
            <dt>{keys}</dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}
