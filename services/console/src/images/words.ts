/** What the words of an image mean on the screen. */
import type { Image, ImageSource, Transfer, Visibility } from "../api/models";

export const SOURCE_LOOKS: Record<ImageSource, { label: string; color: string }> = {
  official: { label: "Official", color: "blue" },
  custom: { label: "Custom", color: "purple" },
  snapshot: { label: "Snapshot", color: "green" },
};

export const VISIBILITIES: Record<Visibility, { label: string; text: string }> = {
  private: { label: "Private", text: "Only its author and the admins of the workspace see it." },
  workspace: { label: "Workspace", text: "All members of the workspace see it and can start from it." },
  public: { label: "Public", text: "Everybody on this workbench sees it and can start from it." },
};

export const USES: Record<Image["use"], { label: string; text: string }> = {
  instance: { label: "Instances and jobs", text: "It has what an instance needs." },
  job: { label: "Jobs only", text: "It lacks the entry point of an instance, so only jobs can run it." },
  unknown: { label: "Not checked yet", text: "What it can run was not looked at yet." },
};

/** What the state of a transfer is called, by what it does. */
export const TRANSFER_STATES: Record<Transfer["kind"], Record<Transfer["state"], string>> = {
  export: {
    Receiving: "Waiting",
    Working: "Making the file",
    Ready: "Ready",
    Failed: "Failed",
    Cancelled: "Cancelled",
  },
  import: {
    Receiving: "Sending",
    Working: "Checking the image",
    Ready: "In the catalog",
    Failed: "Failed",
    Cancelled: "Cancelled",
  },
};

export const LABELS = { framework: "Framework", python: "Python", cuda: "CUDA", os: "System" } as const;

export type LabelName = keyof typeof LABELS;

/** `PyTorch 2.9 · Python 3.11`, of what is labelled. */
export function labelText({ labels }: Pick<Image, "labels">): string {
  const { framework, python, cuda, os } = labels;
  return [framework, python && `Python ${python}`, cuda && `CUDA ${cuda}`, os].filter(Boolean).join(" · ");
}
