import { checkSpeed } from './speed_check.ts';

checkSpeed(['cl100k']);
