import { port } from './settings.mjs';

const given = process.env.BASE_URL;
if (given === undefined && port === 0) throw new Error('BASE_URL or a PORT other than 0 is needed');

/** What redirect URIs start with, so those that sign people in have to know it before they listen. */
export const baseUrl = given ?? `http://localhost:${port}`;
