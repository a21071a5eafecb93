/** `npm run test:kill -- [rounds] [seed]`: the rounds of kill-rounds.ts at length, told one a line. */
import { killRounds } from '../support/kill-rounds.ts';

const [rounds = 20, seed = Math.floor(Math.random() * 2 ** 32)] = process.argv.slice(2).map(Number);
let isClean = true;
console.log(`seed ${seed}, ${rounds} rounds`);
await killRounds(rounds, seed, ({ round, faults, ...counts }) => {
  isClean &&= faults.length === 0;
  const facts = Object.entries(counts).map(([name, count]) => `${name} ${count}`);
  console.log(`${round}: ${facts.join(', ')}: ${faults.length === 0 ? 'clean' : 'FAULTS'}`);
  for (const fault of faults) console.log(`   ${fault}`);
});
process.exitCode = isClean ? 0 : 1;
