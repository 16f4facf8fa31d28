import { namedSql } from "../../platform/database/named-sql.ts";
import type { Position } from "../biz/record.ts";
import type { UserState } from "../biz/user-state.ts";
import { IS_DELETED, type OfColumns } from "./record-fields.ts";

/** What stands of a user in a database where nothing is: before any record. */
const NOWHERE: Position = { atMs: -1, rev: 0 };

/** A part of a state: of two the one that is later in `order` stands, with all of its columns. */
interface StatePart {
  readonly order: readonly string[];
  readonly also: readonly string[];
  /** In the order of the columns. */
  readonly values: (state: UserState) => readonly (number | boolean | null)[];
}

const PARTS: readonly StatePart[] = [
  {
    order: ["settings_rev"],
    also: ["paused", "paused_from", "paused_until"],
    values: (state) => [state.settingsRev, state.paused, state.pausedFromMs, state.pausedUntilMs],
  },
  {
    order: ["cleared_before", "cleared_rev"],
    also: [],
    values: ({ cleared }) => positionOr(cleared),
  },
  {
    order: ["floor_at", "floor_rev", "floor_set_rev"],
    also: [],
    values: ({ floor, floorRev }) => [...positionOr(floor), floorRev],
  },
  { order: ["forgotten_rev"], also: [], values: ({ forgottenRev }) => [forgottenRev] },
];

const positionOr = (position: Position | null): readonly number[] => {
  const { atMs, rev } = position ?? NOWHERE;
  return [atMs, rev];
};
const columnsOf = ({ order, also }: StatePart): readonly string[] => [...order, ...also];
const COLUMNS = PARTS.flatMap(columnsOf);

const isLater = ({ order }: StatePart): string =>
  `(${order.map((column) => `excluded.${column}`).join(", ")}) > (${order.map((column) => `history_user.${column}`).join(", ")})`;
const CHANGES = PARTS.flatMap((part) =>
  columnsOf(part).map(
    (column) =>
      `${column} = CASE WHEN ${isLater(part)} THEN excluded.${column} ELSE history_user.${column} END`,
  ),
).join(",\n    ") as OfColumns;
const SOMETHING_IS_LATER = PARTS.map(isLater).join(" OR ") as OfColumns;
const VALUES = COLUMNS.map((_, index) => `s.value ->> ${index + 1}`).join(", ") as OfColumns;

/*
 * States are arrays in a JSON array: the user, then each column. What two states become is
 * `joinStates` of biz/user-state.ts. A row that has everything already is not written, nor is that
 * of a user who is erased.
 */
export const JOIN_STATES = namedSql(`
  INSERT INTO history_user (user_id, ${COLUMNS.join(", ") as OfColumns})
  SELECT s.value ->> 0, ${VALUES} FROM json_each(:states) AS s WHERE true
  ON CONFLICT (user_id) DO UPDATE SET
    ${CHANGES}
  WHERE history_user.erased = 0 AND (${SOMETHING_IS_LATER})`);

/** Of the same users, by what stands of them then. */
export const DELETE_BY_STATES = namedSql(`
  DELETE FROM history WHERE (user_id, kind, item_id) IN (
    SELECT history.user_id, history.kind, history.item_id
    FROM json_each(:states) AS s CROSS JOIN history_user AS u ON u.user_id = s.value ->> 0
    CROSS JOIN history ON history.user_id = u.user_id
    WHERE (history.rev <= u.cleared_rev OR (history.at, history.rev) <= (u.cleared_before, u.cleared_rev))
      OR (history.at, history.rev) <= (u.floor_at, u.floor_rev)
      OR (${IS_DELETED} AND history.rev <= u.forgotten_rev))`);

/** States as both statements take them. */
export function statesJson(states: readonly UserState[]): string {
  return JSON.stringify(
    states.map((state) => [state.userId, ...PARTS.flatMap(({ values }) => values(state))]),
  );
}
