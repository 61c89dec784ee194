// UNION, not UNION ALL: a row met twice ends the recursion, so even a damaged tree with a cycle ends.
/** `seq` of a message and of all above it. */
export const PATH_SEQS = `WITH RECURSIVE up (seq, parent_id) AS (
    SELECT seq, parent_id FROM messages WHERE id = @id
    UNION
    SELECT p.seq, p.parent_id FROM up JOIN messages p ON p.id = up.parent_id
  )
  SELECT seq FROM up`;
