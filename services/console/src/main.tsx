import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { newQueryClient } from "./api/queries";
import { Console } from "./shell/Console";
import { Themed } from "./shell/Themed";
import "./index.css";

const queries = newQueryClient();

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <Themed>
        <Console />
      </Themed>
    </QueryClientProvider>
  </StrictMode>,
);
