import { v4, v7 } from "uuid";
import type { Ids } from "../biz/ports.ts";

export const ids: Ids = { id: () => v7(), token: () => v4() };
