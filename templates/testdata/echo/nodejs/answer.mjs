// What a request asks its answer to be: JSON in base64 in the header x-answer, {status, headers, chunks, repeat, fail}.
export function asked(header) {
  if (!header) return undefined;
  const { status = 200, headers = [], chunks = [], repeat = 1, fail = "" } = JSON.parse(Buffer.from(header, "base64").toString());
  const pieces = chunks.map((chunk) => Buffer.from(chunk, "base64"));
  return { status, headers, pieces: pieces.flatMap((piece) => (repeat > 1 ? [Buffer.alloc(piece.length * repeat, piece)] : [piece])), fail };
}

export const broken = () => new Error("thrown on purpose");
