export default {
  fetch() {},
  event(event) {
    console.log("event", event.type, event.id, JSON.stringify(event.data));
  },
};
