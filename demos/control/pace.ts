/** Of the environment that is drawn, whatever its own clock. */
export const FRAMES_PER_SECOND = 30;
