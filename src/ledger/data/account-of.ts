/** Name of a user's account. */
export function accountOf(userId: string): string {
  return `user:${userId}`;
}
