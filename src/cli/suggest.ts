/** "Did you mean ...?" for what is typed at the command line. */
export { didYouMean, editDistance, suggest } from '../graph/suggest.js';
