/** Whether control answers at the moment, as the last request saw it. */

type Listener = () => void;

export class Connection {
  private reachable = true;
  private readonly listeners = new Set<Listener>();

  report(reachable: boolean): void {
    if (reachable === this.reachable) return;
    this.reachable = reachable;
    this.listeners.forEach((tell) => tell());
  }

  readonly subscribe = (listener: Listener): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly isReachable = (): boolean => this.reachable;
}

export const connection = new Connection();
