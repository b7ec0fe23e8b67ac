// Ends with 0 when the annotator of this container answers with 200.
const answer = await fetch(`http://127.0.0.1:${process.env.PORT}/api/health`, { signal: AbortSignal.timeout(4000) });
process.exit(answer.ok ? 0 : 1);
