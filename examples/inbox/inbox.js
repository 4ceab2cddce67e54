// Writes down what happens: an event of each kind comes to one handler, as a CloudEvent.
export default {
  async event(event, { attributes }) {
    const { type, subject, datacontenttype, data } = event;
    console.log(JSON.stringify({ type, subject, datacontenttype, data, attributes }));
  },
};
