/** Whatever goes wrong is told as JSON. */
export function jsonErrors(error, _req, res, next) {
  if (res.headersSent) return next(error);
  const status = error.status ?? error.statusCode ?? 500;
  res.status(status >= 400 ? status : 500).json({ error: error.message });
}
