// The control room, as the entry loads it.
import "../look/room.css";

export { follow } from "./state/live.ts";
export { Room as Page } from "./screens/Room.tsx";
