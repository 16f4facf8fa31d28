/** Roles, what each may do, and nothing else: the whole of RBAC is this table. */

export const ROLES = ["user", "operator", "admin"] as const;
export type Role = (typeof ROLES)[number];

export const PERMISSIONS = [
  "account:own",
  "history:own",
  "home:own",
  "money:own",
  "realtime:own",
  "ops:read",
  "ops:write",
] as const;
export type Permission = (typeof PERMISSIONS)[number];

const OWN = ["account:own", "history:own", "home:own", "money:own", "realtime:own"] as const;

const PERMISSIONS_OF_ROLE: Readonly<Record<Role, readonly Permission[]>> = {
  user: OWN,
  operator: [...OWN, "ops:read"],
  admin: [...OWN, "ops:read", "ops:write"],
};

export function isRole(value: unknown): value is Role {
  return ROLES.some((role) => role === value);
}

/** Whether any of the roles grants the permission. Unknown roles grant nothing. */
export function mayDo(roles: readonly Role[], permission: Permission): boolean {
  return roles.some((role) => PERMISSIONS_OF_ROLE[role]?.includes(permission) ?? false);
}
