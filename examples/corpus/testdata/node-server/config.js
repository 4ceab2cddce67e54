export default { color: 'blue' };
