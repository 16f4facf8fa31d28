/**
 * The hash of no password, in the form of all the others: comparing with it is the same work. An
 * account has it from the moment in which another operator's secret is applied until the first
 * login with that secret.
 */
export const UNUSABLE_HASH = `$scrypt$ln=14,r=8,p=5$${"A".repeat(22)}$${"A".repeat(43)}`;
