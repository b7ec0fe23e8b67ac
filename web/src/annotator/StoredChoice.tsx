import { useRef, useState, type ChangeEvent, type KeyboardEvent } from "react";
import type { SpanLabelType } from "@/data/types";

export interface Option {
  value: string;
  text: string;
}

interface Props {
  name: string;
  /** What is stored. */
  value: string;
  options: readonly Option[];
  /** The choice waits for the button of this name, or for Enter. */
  button?: string;
  /** What the choice is about: one that waits does not go over to something else. */
  about?: string;
  onStore: (value: string) => unknown;
}

/**
 * A choice that is stored by one act, however many options the keys walk through. Without a button a choice by mouse is
 * stored at once, one by keys with Enter or on leaving. Escape goes back to what is stored.
 */
export function StoredChoice(props: Props) {
  const { name, value, options, button } = props;
  const { shown, store, events } = useChoice(props);
  return (
    <>
      <label>
        {name}
        <select value={shown} title="By keys: Enter stores, Escape goes back" {...events}>
          <Options options={withOption(options, value)} />
        </select>
      </label>
      {button !== undefined && (
        <button type="button" disabled={shown === value} onClick={() => void store(shown)}>
          {button}
        </button>
      )}
    </>
  );
}

function useChoice({ value, button, about = value, onStore }: Props) {
  const [draft, setDraft] = useState<{ about: string; value: string } | null>(null);
  const byKeys = useRef(false);
  const shown = draft?.about === about ? draft.value : value;
  const store = async (chosen: string) => {
    if (chosen === value) return;
    const stored = { about, value: chosen };
    setDraft(stored);
    try {
      await onStore(chosen);
    } finally {
      setDraft((current) => (current === stored ? null : current));
    }
  };
  const onChange = ({ target }: ChangeEvent<HTMLSelectElement>) => {
    if (button === undefined && !byKeys.current) void store(target.value);
    else setDraft({ about, value: target.value });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    byKeys.current = true;
    if (event.key === "Escape") setDraft(null);
    if (event.key !== "Enter" || shown === value) return;
    event.preventDefault();
    void store(shown);
  };
  const onBlur = () => {
    byKeys.current = false;
    if (button === undefined) void store(shown);
  };
  const onPointerDown = () => {
    byKeys.current = false;
  };
  return { shown, store, events: { onChange, onKeyDown, onBlur, onPointerDown } };
}

export function Options({ options }: { options: readonly Option[] }) {
  return options.map(({ value, text }) => (
    <option key={value} value={value}>
      {text}
    </option>
  ));
}

/** Each value once, under its own name; `empty` names the empty one. */
export function named(values: readonly string[], empty = "none"): Option[] {
  return [...new Set(values)].map((value) => ({ value, text: value === "" ? empty : value }));
}

/** The labels that may be chosen. */
export function namesOf(labels: readonly SpanLabelType[]): string[] {
  return labels.filter((label) => label.is_active).map((label) => label.name);
}

/** The order of the options never depends on which one is stored. */
function withOption(options: readonly Option[], value: string): readonly Option[] {
  return options.some((option) => option.value === value) ? options : [...options, { value, text: value }];
}
