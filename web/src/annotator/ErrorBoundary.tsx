import { Component, type ReactNode } from "react";

interface Props {
  /** What cannot be shown where it fails. */
  name: string;
  /** What may put it right before it is tried again. */
  mend: () => Promise<void>;
  children: ReactNode;
}

/** Says what has failed in place of the part that has: the rest of the page stays. */
export class ErrorBoundary extends Component<Props, { failure: string | null }> {
  override state = { failure: null };

  static getDerivedStateFromError(error: unknown): { failure: string } {
    return { failure: error instanceof Error ? error.message : String(error) };
  }

  override render(): ReactNode {
    if (this.state.failure === null) return this.props.children;
    return (
      <section aria-label={this.props.name}>
        <p role="alert" className="problem">
          {this.props.name} cannot be shown: {this.state.failure}. Everything else goes on.
          <button type="button" onClick={() => void this.tryAgain()}>
            Try again
          </button>
        </p>
      </section>
    );
  }

  private async tryAgain(): Promise<void> {
    try {
      await this.props.mend();
    } finally {
      this.setState({ failure: null });
    }
  }
}
