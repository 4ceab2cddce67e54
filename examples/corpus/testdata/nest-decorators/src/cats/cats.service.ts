import { Injectable } from '@nestjs/common';

@Injectable()
export class CatsService {
  private readonly cats = [{ id: 1, name: 'Tom', lives: 9 }];

  all() {
    return this.cats;
  }

  one(id: number) {
    return this.cats.find((cat) => cat.id === id);
  }
}
