import type { ClientKind } from "../../contracts/client-kind.ts";

export type HomePart = "profile" | "continue" | "wallet";

/** What the home screen of a kind of client is made of. */
export interface HomeScreen {
  readonly parts: readonly HomePart[];
  /** Items of the part `continue` at most. */
  readonly continueMax: number;
}

const SCREEN: HomeScreen = { parts: ["profile", "continue", "wallet"], continueMax: 20 };

/**
 * A television has room for long rows and is looked at by a whole room: nobody's money is shown
 * there.
 */
const TV_SCREEN: HomeScreen = { parts: ["profile", "continue"], continueMax: 60 };

export function homeScreenOf(kind: ClientKind | null): HomeScreen {
  return kind === "tv" ? TV_SCREEN : SCREEN;
}
