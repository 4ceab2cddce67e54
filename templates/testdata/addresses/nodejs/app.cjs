module.exports = ({ socket }, res) => res.end(`${socket.remoteAddress} ${socket.remoteFamily} ${socket.localPort} ${socket.address().address}`);
