import sharp from 'sharp';

export default {
  async fetch(request) {
    const size = Number(new URL(request.url).searchParams.get('size') ?? 8);
    const image = sharp({ create: { width: 64, height: 32, channels: 3, background: { r: 200, g: 10, b: 10 } } });
    const { data, info } = await image.resize({ width: size }).png().toBuffer({ resolveWithObject: true });
    const { dominant } = await sharp(data).stats();
    return Response.json({ width: info.width, height: info.height, format: info.format, dominant });
  },
};
