// Loaded ahead of a server: ends it as a mistake in the program would.
process.on('SIGUSR2', () => {
  throw new Error('nobody catches this');
});
process.on('SIGHUP', () => {
  void Promise.reject(new Error('nobody catches this'));
});
