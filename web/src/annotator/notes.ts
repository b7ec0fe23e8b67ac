/** Notes that are typed: each is kept until it is stored. */
import { Store } from "@/data/store";
import type { Annotations } from "./annotations";
import { api } from "./api";

export interface NotesState {
  /** By the span's id, what is typed and not stored. */
  typed: ReadonlyMap<number, string>;
}

export class Notes extends Store<NotesState> {
  constructor(private readonly annotations: Annotations) {
    super({ typed: new Map() });
  }

  type(spanId: number, text: string): void {
    this.change({ typed: new Map(this.getState().typed).set(spanId, text) });
  }

  /** What cannot be stored stays as it was typed. */
  async store(spanId: number): Promise<void> {
    const text = this.getState().typed.get(spanId);
    if (text === undefined || !(await this.annotations.changeSpan(spanId, { notes: stored(text) }))) return;
    const typed = new Map(this.getState().typed);
    if (typed.get(spanId) === text) typed.delete(spanId);
    this.change({ typed });
  }

  /** For a page that goes: nothing waits for its turn, nor for an answer. */
  leave(): void {
    for (const [id, text] of this.getState().typed) api.leaveNotes(id, stored(text));
  }
}

function stored(text: string): string | null {
  return text === "" ? null : text;
}
