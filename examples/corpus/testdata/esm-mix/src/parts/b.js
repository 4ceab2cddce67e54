export default 'B';
