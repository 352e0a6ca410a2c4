/**
 * The highest term of a control plane. Terms rise by one, by hand; without an end whoever writes a region's table could put one there that
 * nothing is above.
 */
export const TERM_MAX = 1_000_000
