/**
 * The desktop host's two channels, which preload and main share. The page knows the first one: a port comes to
 * it as a message of its own window with this text.
 */
export const PORT_CHANNEL = 'leeward:port';
/** The preload hands in the paths of dropped files and gets their ids. */
export const FILES_CHANNEL = 'leeward:files';
