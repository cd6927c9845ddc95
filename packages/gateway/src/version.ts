/** The release of this package; a test holds it to package.json. */
export const GATEWAY_VERSION = '0.1.0';
