export const find = (id) => ({ id });
