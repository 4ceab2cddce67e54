export default (req, res) => res.end();

export function event(event) {
  console.log("event", event.type, event.id, JSON.stringify(event.data));
}
