/** The text of a `text/event-stream`, in whatever pieces it comes, as messages. */

export interface StreamMessage {
  event: string;
  data: string;
  /** The id that a later connection can go on from; empty when the message has none. */
  id: string;
}

export class EventParser {
  private rest = "";
  private event = "";
  private id = "";
  private data: string[] = [];

  /** The messages that this piece completes. Comments, which keep a connection alive, are none. */
  push(piece: string): StreamMessage[] {
    // A line ends by one of three ends; one that may yet be `\r\n` is left for the next piece.
    const lines = (this.rest + piece).split(/\r\n|\n|\r(?=[^\n])/);
    this.rest = lines.pop() ?? "";
    return lines.map((line) => this.take(line)).filter((message) => message !== undefined);
  }

  private take(line: string): StreamMessage | undefined {
    if (line === "") return this.complete();
    const [, field, value = ""] = /^([^:]*)(?:: ?(.*))?$/.exec(line) ?? [];
    if (field === "event") this.event = value;
    else if (field === "id") this.id = value;
    else if (field === "data") this.data.push(value);
    return undefined;
  }

  private complete(): StreamMessage | undefined {
    const { event, id, data } = this;
    [this.event, this.id, this.data] = ["", "", []];
    return data.length ? { event: event || "message", id, data: data.join("\n") } : undefined;
  }
}
