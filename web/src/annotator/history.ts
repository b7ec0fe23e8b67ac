/** Edits that can be taken back. A row that is stored again has a new id: later edits of it learn that. */
import type { Point, ReviewedRange, Span } from "@/data/types";

export interface Rows {
  span: Span;
  point: Point;
  range: ReviewedRange;
}

export type Kind = keyof Rows;

/** A row before and after: null where it is not there. */
export type Edit = { [K in Kind]: { kind: K; before: Rows[K] | null; after: Rows[K] | null } }[Kind];

export class History {
  private past: Edit[] = [];
  private future: Edit[] = [];

  get canUndo(): boolean {
    return this.past.length > 0;
  }

  get canRedo(): boolean {
    return this.future.length > 0;
  }

  record(edit: Edit): void {
    this.past.push(edit);
    this.future = [];
  }

  /** The edit that takes the last one back; `undone` tells that it worked. */
  nextUndo(): Edit | undefined {
    const last = this.past.at(-1);
    return last === undefined ? undefined : reversed(last);
  }

  nextRedo(): Edit | undefined {
    return this.future.at(-1);
  }

  undone(): void {
    const edit = this.past.pop();
    if (edit !== undefined) this.future.push(edit);
  }

  redone(): void {
    const edit = this.future.pop();
    if (edit !== undefined) this.past.push(edit);
  }

  /** The last edit cannot be taken back any more. */
  forgetUndo(): void {
    this.past.pop();
  }

  forgetRedo(): void {
    this.future = [];
  }

  /** A row was stored again under another id. */
  renumber(kind: Kind, from: number, to: number): void {
    for (const edit of [...this.past, ...this.future]) {
      if (edit.kind !== kind) continue;
      if (edit.before?.id === from) edit.before = { ...edit.before, id: to } as never;
      if (edit.after?.id === from) edit.after = { ...edit.after, id: to } as never;
    }
  }

  clear(): void {
    this.past = [];
    this.future = [];
  }
}

function reversed({ kind, before, after }: Edit): Edit {
  return { kind, before: after, after: before } as Edit;
}
