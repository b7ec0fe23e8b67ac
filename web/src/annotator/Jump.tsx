import type { MouseEvent, ReactNode } from "react";
import { flushSync } from "react-dom";

interface Props {
  /** Whether the chart stands there; for what is not a choice, nothing. */
  pressed?: boolean;
  disabled?: boolean;
  onGo: () => void;
  children: ReactNode;
}

/** Goes to a place on the chart, which takes the focus for the next key. What opens above leaves the button where it is. */
export function Jump({ pressed, disabled = false, onGo, children }: Props) {
  const go = ({ currentTarget }: MouseEvent<HTMLElement>) => {
    const before = currentTarget.getBoundingClientRect().top;
    flushSync(onGo);
    currentTarget.closest("aside")?.scrollBy(0, currentTarget.getBoundingClientRect().top - before);
    document.getElementById("chart")?.focus();
  };
  return (
    <button type="button" aria-pressed={pressed} disabled={disabled} onClick={go}>
      {children}
    </button>
  );
}
