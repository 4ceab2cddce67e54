// Writes down what happens: an event of each kind comes to one handler, as a CloudEvent.
export default {
  async event({ type, subject, datacontenttype, data }, { attributes }) {
    if (type === "dev.ferry.schedule.v1") return console.log(JSON.stringify({ type }));
    console.log(JSON.stringify({ type, subject, datacontenttype, data, plan: attributes?.plan }));
  },
};
