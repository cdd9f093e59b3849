import { loadBullMQ } from '../../src/redis/bullmq.js';

// The server does not have BullMQ ask for the version of Redis. It then takes its own minimum for granted,
// 5, which only waits for whole seconds: what is due comes up to a second late. Users do not notice; tests would.
loadBullMQ().RedisConnection.minimumVersion = '6.2.0';
