export default () => ({ late: true });
