/** "Because you labelled these": the person's own annotations that are like the prediction in question. */
import { Store } from "@/data/store";
import { ServiceError, type Run, type SimilarSpan } from "@/prediction-layer";
import type { Desk } from "./desk";
import { isSameRun } from "./doubts";

export interface ExamplesState {
  of: Run | null;
  /** Nearest first; null while they are not known. */
  similar: readonly SimilarSpan[] | null;
  /** Why they are not known. */
  problem: string;
}

export class Examples extends Store<ExamplesState> {
  private running = new AbortController();

  constructor(private readonly desk: Desk) {
    super({ of: null, similar: null, problem: "" });
    desk.subscribe(() => this.follow(desk.getState().focus));
  }

  private follow(focus: Run | null): void {
    if (isSameRun(focus, this.getState().of)) return;
    this.running.abort();
    this.running = new AbortController();
    this.change({ of: focus, similar: null, problem: "" });
    if (focus !== null) void this.ask(focus, this.running.signal);
  }

  private async ask(run: Run, signal: AbortSignal): Promise<void> {
    try {
      const similar = await this.desk.layer.similarTo(run, signal);
      if (!signal.aborted) this.change({ similar });
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ServiceError)) throw error;
      this.change({ problem: error.message });
    }
  }
}
