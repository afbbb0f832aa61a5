// The office, as the entry loads it.
import "../look/office.css";

export { follow } from "./state/live.ts";
export { Frame as Page } from "./screens/Frame.tsx";
