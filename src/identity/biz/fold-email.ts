/** The one spelling of an e-mail address that is stored and looked up. */
export function foldEmail(email: string): string {
  return email.trim().toLowerCase();
}
