import { expect } from 'vitest';
import { eventually, test } from './fixture.ts';

test('the watch over every page sees what it must fail a test for', async ({ stage }) => {
  const page = await stage.open(await stage.start());
  await page.firstRun.waitFor();
  expect(stage.problems).toEqual([]);
  await page.page.evaluate(() => {
    console.error('logged on purpose');
    setTimeout(() => {
      throw new Error('thrown on purpose');
    });
    const picture = document.createElement('img');
    picture.src = 'https://foreign.invalid/pixel.png';
    document.body.append(picture);
    document.body.setAttribute('style', 'color: red');
  });
  await page.page.goto('http://foreign.invalid/').catch(() => undefined);
  for (const expected of [
    /^console: logged on purpose$/,
    /^page error: thrown on purpose$/,
    /^policy: img-src https:\/\/foreign\.invalid/,
    /^policy: style-src-attr inline$/,
    /^foreign request: http:\/\/foreign\.invalid\/$/,
  ]) {
    await eventually(
      () => stage.problems.filter((problem) => expected.test(problem)).length,
      String(expected),
    ).toBe(1);
  }
  stage.allow(/purpose/, /foreign\.invalid/, /style-src/, /inline style/i);
});
