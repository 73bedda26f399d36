import { Alert, Button } from "antd";

import { sentenceOf } from "../api/problem";

/** The reason why something cannot be shown, and another try. */
export function Unreadable({ error, again }: { error: Error; again: () => void }) {
  return (
    <Alert
      type="error"
      showIcon
      title={sentenceOf(error)}
      action={
        <Button size="small" onClick={again}>
          Try again
        </Button>
      }
    />
  );
}
