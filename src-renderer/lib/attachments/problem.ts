/** Why a file cannot go with a message. */
export type FileProblem =
  | 'image'
  | 'too_large'
  | 'too_many_pages'
  | 'too_slow'
  | 'not_text'
  | 'unreadable'
  | 'empty'
  | 'too_long'
  | 'too_many';

export class UnreadFile extends Error {
  readonly problem: FileProblem;

  constructor(problem: FileProblem, options?: ErrorOptions) {
    super(problem, options);
    this.problem = problem;
  }
}
