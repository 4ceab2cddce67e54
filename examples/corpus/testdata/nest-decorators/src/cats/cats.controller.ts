import { Body, Controller, Get, NotFoundException, Param, Post, Query } from '@nestjs/common';
import { CatsService } from './cats.service';
import { CreateCat } from './create-cat.dto';

@Controller('cats')
export class CatsController {
  constructor(private readonly cats: CatsService) {}

  @Get()
  all(@Query('lives') lives?: number) {
    return { kind: typeof lives, cats: this.cats.all() };
  }

  @Get(':id')
  one(@Param('id') id: number) {
    const cat = this.cats.one(id);
    if (!cat) throw new NotFoundException(`no cat ${id}`);
    return cat;
  }

  @Post()
  add(@Body() cat: CreateCat) {
    return { added: cat, of: cat.constructor.name };
  }
}
